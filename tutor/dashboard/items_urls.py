from django.urls import path

from tutor.dashboard import items_views

urlpatterns = [
    path("classes/<uuid:group_id>/items/", items_views.items, name="items"),
    path("classes/<uuid:group_id>/items.csv", items_views.items_csv, name="items_file"),
    path("classes/<uuid:group_id>/items/<str:item>/", items_views.one_item, name="item"),
    path("classes/<uuid:group_id>/items/<str:item>/curve.csv", items_views.curve_csv, name="item_file"),
]
