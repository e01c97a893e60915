from django import forms

from apps.accounts import device_flow
from apps.accounts.lookups import TeamOfUser


class UserCodeForm(forms.Form):
    """The code that the program shows."""

    user_code = forms.CharField(label="Code", max_length=40)

    def clean_user_code(self) -> str:
        code = device_flow.as_user_code(self.cleaned_data["user_code"])
        if not code:
            raise forms.ValidationError("A code looks like BCDF-GHJK.")
        return code


class DecisionForm(UserCodeForm):
    """Approve or deny, for one of one's teams."""

    user_code = forms.CharField(widget=forms.HiddenInput, max_length=40)
    team = forms.TypedChoiceField(label="Team", coerce=int)
    decision = forms.ChoiceField(choices=[("approve", "Approve"), ("deny", "Deny")])

    def __init__(self, *args: object, teams: list[TeamOfUser], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["team"].choices = [(team.team_id, f"{team.name} ({team.slug})") for team in teams]  # type: ignore[attr-defined]
