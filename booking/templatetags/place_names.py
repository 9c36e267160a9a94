from django import template

from booking.place_names import name_as_html
from web.marking import marked, unbroken

register = template.Library()
register.filter("place_name", name_as_html)
register.filter("korean", marked)
register.filter("unbroken", unbroken)
