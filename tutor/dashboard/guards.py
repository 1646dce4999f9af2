"""What every page keeps to: who sees it, in whose time and language, and what a browser may load with it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, Final, ParamSpec, cast
from zoneinfo import ZoneInfo

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone, translation
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django.views.defaults import page_not_found

from tutor.accounts.access import NotFound
from tutor.accounts.models import User

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]

#: Style sheets and scripts of our own, and nothing from elsewhere.
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def guarded(view: View[P]) -> View[P]:
    """In the language that the reader has chosen, or that their browser asks for. The API stays in English."""

    @wraps(view)
    def guard(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        with translation.override(translation.get_language_from_request(request)):
            response = view(request, *args, **kwargs)
            # The sign-in page renders when it is asked to.
            render = getattr(response, "render", None)
            if render is not None:
                render()
            response["Content-Language"] = translation.get_language()
        response["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        return response

    return guard


def page(view: View[P]) -> View[P]:
    """For people who are signed in, in their school's time; what they may not see is absent."""
    return guarded(require_safe(never_cache(login_required(_in_school(view)))))


def action(view: View[P]) -> View[P]:
    """The same, of something done: by POST only."""
    return guarded(require_POST(never_cache(login_required(_in_school(view)))))


@guarded
def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """What is absent, and what is not for the reader."""
    return page_not_found(request, exception)


def user_of(request: HttpRequest) -> User:
    """Of whoever is signed in."""
    return cast(User, request.user)


def _in_school(view: View[P]) -> View[P]:
    @wraps(view)
    def shown(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        school = user_of(request).school
        try:
            with timezone.override(ZoneInfo(school.timezone) if school else None):
                return view(request, *args, **kwargs)
        except NotFound as absent:
            raise Http404(str(absent)) from absent

    return shown
