from django import template

from booking.place_names import name_as_html
from web.marking import marked, whole

register = template.Library()
register.filter("place_name", name_as_html)
register.filter("korean", marked)
register.filter("whole", whole)
