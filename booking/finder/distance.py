import math


def distance_km(start: tuple[float, float], end: tuple[float, float]) -> float:
    """Great-circle distance by the haversine formula; the earth's mean radius is 6,371 km."""
    (lat1, lon1), (lat2, lon2) = (map(math.radians, point) for point in (start, end))
    a = (
        math.sin((lat2 - lat1) / 2) ** 2
        + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    )
    return 2 * 6371 * math.asin(math.sqrt(a))
