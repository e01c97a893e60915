"""One's own password."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth import password_validation, update_session_auth_hash
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from apps.accounts import provisioning, throttling
from apps.accounts.errors import RuleBroken
from apps.accounts.models import User
from apps.console.pages import PersonPage


class PasswordForm(forms.Form):
    old = forms.CharField(label="Present password", strip=False, max_length=200)
    new = forms.CharField(label="New password", strip=False, max_length=200)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._user = user

    def clean_new(self) -> str:
        text: str = self.cleaned_data["new"]
        try:
            password_validation.validate_password(text, self._user)
        except ValidationError as error:
            raise forms.ValidationError(error.messages) from error
        return text


class PasswordPage(PersonPage):
    """Every other session of this person ends with it; tokens stay."""

    def get(self, request: HttpRequest) -> HttpResponse:  # noqa: ARG002 (Django's signature)
        return self.render("console/password.html", form=PasswordForm(user=self.user))

    def post(self, request: HttpRequest) -> HttpResponse:
        wait = throttling.log_in_wait(request, self.user.email)
        if wait:
            answer = self.render("console/password.html", form=PasswordForm(user=self.user), wait=wait, status=429)
            answer["Retry-After"] = str(wait)
            return answer
        form = PasswordForm(request.POST, user=self.user)
        if form.is_valid():
            try:
                changed = provisioning.change_password(self.user.pk, form.cleaned_data["old"], form.cleaned_data["new"])
            except RuleBroken as error:
                form.add_error("old", str(error))
            else:
                update_session_auth_hash(request, changed)
                messages.success(request, "Your password is changed. Other sessions of yours have ended.")
                return redirect("home")
        return self.render("console/password.html", form=form, status=422)
