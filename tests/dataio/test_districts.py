import pytest

from dataio.districts import (
    REGIONS,
    District,
    all_districts,
    centre_of,
    district_of,
    districts_of,
    find_district,
    region_of,
)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("서울특별시 강남구 테헤란로 1", ("서울특별시", "강남구")),
        ("서울시 강남구 테헤란로 1", ("서울특별시", "강남구")),
        ("서울 강남구 테헤란로 1", ("서울특별시", "강남구")),
        ("서울특별시강남구테헤란로1", ("서울특별시", "강남구")),
        ("(06236) 서울 강남구 테헤란로 1", ("서울특별시", "강남구")),
        ("우)135-080 서울 강남구 역삼동", ("서울특별시", "강남구")),
        ("대한민국 부산 강서구 낙동북로 477", ("부산광역시", "강서구")),
        ("경기도 수원시 장안구 경수대로 1", ("경기도", "수원시")),
        ("경기 광주시 오포읍 1", ("경기도", "광주시")),
        ("광주 남구 봉선로 1", ("광주광역시", "남구")),
        ("광주시 남구 봉선로 1", ("광주광역시", "남구")),
        ("강원도 고성군 간성읍 1", ("강원특별자치도", "고성군")),
        ("경남 고성군 고성읍 1", ("경상남도", "고성군")),
        ("전라북도 전주시 완산구 1", ("전북특별자치도", "전주시")),
        ("세종시 조치원읍 1", ("세종특별자치시", "세종시")),
        ("제주특별자치도 서귀포시 중앙로 1", ("제주특별자치도", "서귀포시")),
        ("제주 제주시 연동 1", ("제주특별자치도", "제주시")),
        ("경상북도 군위군 군위읍 1", ("대구광역시", "군위군")),
        ("인천 남구 주안동 1", ("인천광역시", "미추홀구")),
        ("부산 부산진구 중앙대로 1", ("부산광역시", "부산진구")),
    ],
)
def test_an_address_tells_its_region_and_district(address, expected):
    assert find_district(address) == District(*expected)


@pytest.mark.parametrize(
    "address",
    ["", "강남구 테헤란로 1", "광주시 오포읍 1", "서울 수원시 1", "평양시 중구역", "세종대로 1"],
)
def test_an_address_without_region_or_district_is_not_guessed(address):
    assert find_district(address) is None


def test_region_and_district_also_come_in_two_cells():
    assert district_of("경기", "수원시 장안구") == District("경기도", "수원시")
    assert region_of("전라 북도") == "전북특별자치도"
    assert region_of("한국") is None


def test_every_district_finds_itself_and_lies_in_korea():
    assert len(REGIONS) == 17
    assert len(all_districts()) == 229
    assert sum(len(districts_of(region)) for region in REGIONS) == 229
    for place in all_districts():
        latitude, longitude = centre_of(place.region, place.district)
        assert find_district(f"{place.region} {place.district} 1") == place
        assert 33 < latitude < 39
        assert 126 < longitude < 131
