"""Whole journeys through a real `tailsvc up`, made by real programs or by the very calls that they make."""
