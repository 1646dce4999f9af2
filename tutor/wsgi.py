import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tutor.settings")

application = get_wsgi_application()

# What is loaded by now stays loaded. Walked through with the rest, it makes a full collection stop the request that it
# falls into for more than a tenth of a second.
gc.collect()
gc.freeze()
