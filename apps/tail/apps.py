from django.apps import AppConfig


class TailConfig(AppConfig):
    name = "apps.tail"
    label = "tail"
