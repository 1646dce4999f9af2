"""How each figure of the pages of models is computed, and what each action will do: said once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from tutor.dashboard.words import Definition
from tutor.language import Texts
from tutor.registry.card import LEAST_ANSWERS, LEAST_LEARNERS

#: What an alert of the drift monitor means.
ALERTS: Final[Mapping[str, str]] = Texts(
    {
        "log_loss": gettext_noop("The champion foretells answers worse than in its first weeks"),
        "calibration": gettext_noop("The champion expects too much or too little"),
        "input": gettext_noop("The champion is asked about learners unlike those of its first weeks"),
    }
)
#: What the comparison in shadow has shown so far.
SHADOW: Final[Mapping[str, str]] = Texts(
    {
        "too_early": gettext_noop("too early to tell"),
        "better": gettext_noop("better than the champion"),
        "no_worse": gettext_noop("no worse than the champion"),
        "worse": gettext_noop("worse than the champion"),
    }
)
STEPS: Final[Mapping[str, str]] = Texts(
    {
        "": gettext_noop("waits for the training worker"),
        "export": gettext_noop("reads the answers (1 of 3)"),
        "fit": gettext_noop("fits (2 of 3)"),
        "judge": gettext_noop("is judged (3 of 3)"),
    }
)
#: How a training run ended.
ENDED: Final[Mapping[str, str]] = Texts(
    {
        "done": gettext_noop("done"),
        "failed": gettext_noop("failed"),
        "cancelled": gettext_noop("cancelled"),
    }
)
WORKERS: Final[Mapping[str, str]] = Texts(
    {
        "ok": gettext_noop("works"),
        "idle": gettext_noop("has nothing to do"),
        "silent": gettext_noop("silent"),
        "gone": gettext_noop("gone"),
    }
)

#: What was done with a deployment.
MOVES: Final[Mapping[str, str]] = Texts(
    {
        "promoted": gettext_noop("promoted"),
        "rolled_back": gettext_noop("rolled back"),
        "challenged": gettext_noop("put in shadow"),
        "withdrawn": gettext_noop("withdrawn from shadow"),
        "followed": gettext_noop("went with all schools again"),
        "stood_in": gettext_noop("stood in for one that cannot be loaded"),
    }
)


def definitions() -> dict[str, Definition]:
    """By the key that templates use, in the reader's language."""
    return {
        "log_loss": Definition(
            _("Log loss"),
            _(
                "How surprised the model is by an answer on average, in nats; 0 is perfect foresight, 0.693 the toss "
                "of a coin. Each answer is foretold from the learner's earlier ones alone. Less is better. In "
                "brackets, the range that holds the true value with 95 % certainty, from 400 resamples of the "
                "learners."
            ),
        ),
        "auc": Definition(
            _("AUC"),
            _(
                "The chance that of two answers, one right and one wrong, the right one was expected more. 0.5 is "
                "chance, 1 is perfect. One prediction an answer, however many concepts it has. In brackets the 95 % "
                "range."
            ),
        ),
        "brier": Definition(
            _("Brier score"),
            _("The mean squared distance between what was expected and what came. Less is better."),
        ),
        "ece": Definition(
            _("Calibration error"),
            _(
                "How far the share right lies from the share expected, over twenty bins of the expectation, weighted "
                "by their answers. 0.02 means: when it says 80 %, on average 78 to 82 % are right. Less is better."
            ),
        ),
        "calibration": Definition(
            _("Calibration"),
            _(
                "Answers judged, in bins of five points of what was expected. Across: the share expected right; up: "
                "the share that was. A larger dot has more answers; the bar is the 95 % range, taking answers as "
                "independent. On the diagonal the two agree; below it, too much is expected."
            ),
        ),
        "curve": Definition(
            _("Learning curve"),
            _(
                "Log loss by epoch during the fit: of the answers it was fitted on, and of learners set aside for "
                "choosing. The dot is the epoch that was kept."
            ),
        ),
        "gates": Definition(
            _("Gates"),
            _(
                "What a candidate must pass before it may serve: judged on later answers than any it was fitted on, "
                "beside the champion and the best baseline, on the same answers and the same resamples of learners. "
                "Where it may be worse than is let through, as far as the answers can tell, the gate stays shut."
            ),
        ),
        "better": Definition(
            _("Against the champion"),
            _(
                "Log loss of the next answer less that of the champion of that day, on the same answers. Below zero it "
                "is better. Only this compares two versions: the other figures are of answers that differ from fit to "
                "fit."
            ),
        ),
        "parts": Definition(
            _("In parts"),
            _(
                "The answers judged, by how long ago the concept was practised, by how many answers came before, by "
                "class and by success before. The upright line is the log loss of all answers. Some parts are harder "
                "to foretell for any model. Left out: parts of fewer than %(learners)s learners or %(answers)s "
                "answers."
            )
            % {"learners": LEAST_LEARNERS, "answers": LEAST_ANSWERS},
        ),
        "judged": Definition(
            _("Answers judged"),
            _(
                "Answers that the model was judged on and not fitted on; of a part, those that fall in it, and how "
                "many learners gave them."
            ),
        ),
        "shares": Definition(
            _("Expected and right"),
            _(
                "The mean chance of a right answer that the model gave, and the share of the answers that were right. "
                "An answer with part of the credit counts by its part."
            ),
        ),
        "faults": Definition(
            _("Known weaknesses"),
            _(
                "Read off the figures: parts told worse than the rest or than by the champion, parts and bins where "
                "too much or too little is expected beyond three standard errors, rivals that do better, and what too "
                "few answers leave open. An empty list means that none was found, not that there are none."
            ),
        ),
        "shadow": Definition(
            _("In shadow"),
            _(
                "A challenger serves nobody. Its estimates are kept beside the champion's, and both foretell every new "
                "answer before it is known, so that they are compared on the same answers."
            ),
        ),
        "compared": Definition(
            _("Answers and days compared"),
            _(
                "Answers since the challenge that both models foretold before they knew them, and days since then; "
                "“of” is what it takes at least before a verdict."
            ),
        ),
        "rollout": Definition(
            _("Learners level"),
            _(
                "Learners whose estimates under this version know all the answers that those of the champion know. "
                "When all are level, changing over is a matter of a moment."
            ),
        ),
        "drift": Definition(
            _("Drift"),
            _(
                "Each day's answers are compared with what the champion expected of them and with what it did when it "
                "was judged. An alert means that it foretells worse than it did, expects too much or too little, or is "
                "asked about learners unlike those it knows."
            ),
        ),
        "workers": Definition(
            _("Workers"),
            _(
                "Processes that turn answers into estimates, for all schools. “Silent” has done nothing though "
                "learners wait; “gone” has not told of itself lately. They start again by themselves."
            ),
        ),
        "batches": Definition(
            _("Learners a batch"),
            _(
                "How many learners the worker has brought up to date at once, on average over its last batches. A "
                "batch that did not fit into memory was halved and tried again."
            ),
        ),
        "memory": Definition(
            _("Memory"),
            _("What the worker's process holds in main memory, and, if it has one, what it has taken of its device's."),
        ),
        "loaded": Definition(
            _("Models loaded"),
            _("Versions that the worker holds ready: those of this curriculum by name, others as a number."),
        ),
        "far": Definition(
            _("How far"),
            _(
                "The step that a fit is at, of three: reading the answers, fitting, being judged; and the share of the "
                "fit's steps that are done, or how it ended."
            ),
        ),
        "retrain": Definition(
            _("Fit a new model"),
            _(
                "Reads the log of answers, fits at low priority, and judges the result on the latest tenth of the "
                "answers. What passes its gates is a candidate and goes into shadow if that is free; nothing that "
                "serves changes. “From scratch” forgets the parameters found before; else the fit begins with the "
                "newest model of the kind."
            ),
        ),
        "moves": Definition(
            _("What was done"),
            _(
                "Every change of who serves and who is tried, written down with the change itself: by whom, or that it "
                "came about by itself, and why. Nobody can alter it. Of the model of all schools the last changes are "
                "listed as well, without the names of those who look after it."
            ),
        ),
        "previous": Definition(
            _("The one before"),
            _(
                "What served until the present champion did. Its estimates are kept level for seven days after the "
                "change, so the way back takes a moment."
            ),
        ),
    }
