"""The forms of more than one page."""

from django import forms


class TeamForm(forms.Form):
    name = forms.CharField(label="Name", max_length=150)
