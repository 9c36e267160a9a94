from django.db import models


class Lease(models.Model):
    """Which process of several does `name`, and until when without saying so again."""

    name = models.CharField(max_length=32, primary_key=True)
    holder = models.CharField(max_length=200)
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name}: {self.holder}"
