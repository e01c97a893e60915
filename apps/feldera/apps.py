from django.apps import AppConfig


class FelderaConfig(AppConfig):
    name = "apps.feldera"
    label = "feldera"
