"""How English pages write dates: as in Britain, and times by 24 hours, as timetables do."""

from typing import Final

DATE_FORMAT: Final = "j F Y"
DATETIME_FORMAT: Final = "j F Y, H:i"
MONTH_DAY_FORMAT: Final = "j F"
SHORT_DATE_FORMAT: Final = "j M"
TIME_FORMAT: Final = "H:i"
SHORT_DATETIME_FORMAT: Final = "j M Y, H:i"
