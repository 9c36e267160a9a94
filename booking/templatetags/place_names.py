from django import template

from booking.place_names import marked, name_as_html

register = template.Library()
register.filter("place_name", name_as_html)
register.filter("korean", marked)
