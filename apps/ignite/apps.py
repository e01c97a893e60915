from django.apps import AppConfig


class IgniteConfig(AppConfig):
    name = "apps.ignite"
