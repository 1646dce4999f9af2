"""The sign-in form."""

from __future__ import annotations

from django.contrib.auth.forms import AuthenticationForm
from django.utils.translation import gettext_lazy as _


class SignInForm(AuthenticationForm):
    """Addresses are kept in lower case, so they are compared in it."""

    error_messages = {
        "invalid_login": _(
            "This address and password do not belong together. Passwords are case-sensitive; "
            "if you have forgotten yours, the administrator of your school can set a new one."
        ),
        "inactive": _("This account has been closed. The administrator of your school can open it again."),
    }

    def clean_username(self) -> str:
        return str(self.cleaned_data["username"]).strip().lower()
