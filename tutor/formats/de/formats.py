"""How German pages write dates."""

from typing import Final

DATE_FORMAT: Final = "j. F Y"
DATETIME_FORMAT: Final = "j. F Y, H:i"
MONTH_DAY_FORMAT: Final = "j. F"
SHORT_DATE_FORMAT: Final = "j. M"
TIME_FORMAT: Final = "H:i"
SHORT_DATETIME_FORMAT: Final = "j. M Y, H:i"
