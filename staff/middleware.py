from pghistory.middleware import HistoryMiddleware


class HistoryContextMiddleware(HistoryMiddleware):
    """Every change made in the admin is recorded with who made it.

    Citizens' pages are left out: there the rows themselves say who acted, and the booking path
    must not pay a statement for it.
    """

    def __call__(self, request):
        if request.path.startswith("/admin/"):
            return super().__call__(request)
        return self.get_response(request)
