use std::collections::HashSet;

use super::*;

#[test]
fn every_place_lies_in_a_known_country_and_region() {
    assert_eq!(places().len(), 52);
    let codes: HashSet<&str> = places().iter().map(|place| place.iata.as_str()).collect();
    assert_eq!(codes.len(), places().len());
    for place in places() {
        assert!(
            Point::new(place.point.lat, place.point.lon).is_some(),
            "{place:?}"
        );
        let country = country(&place.country).expect(&place.country);
        assert_eq!(country.region, place.region, "{place:?}");
    }
}

#[test]
fn countries_stand_at_their_places_or_at_points_of_their_own() {
    let codes: HashSet<&str> = countries()
        .iter()
        .map(|country| country.code.as_str())
        .collect();
    assert_eq!(codes.len(), countries().len());
    for country in countries() {
        assert!(
            Point::new(country.point.lat, country.point.lon).is_some(),
            "{country:?}"
        );
        let mut own = places()
            .iter()
            .filter(|place| place.country == country.code)
            .peekable();
        assert!(
            own.peek().is_none() || own.any(|place| place.point == country.point),
            "{country:?} stands at none of its places"
        );
    }
    let weighted = countries()
        .iter()
        .filter(|country| country.users_millions.is_some());
    assert_eq!(weighted.count(), 30);
}

#[test]
fn codes_are_found_in_any_case() {
    assert_eq!(
        place("fra").map(|place| place.name.as_str()),
        Some("Frankfurt am Main")
    );
    assert_eq!(place("XXX"), None);
    assert_eq!(
        country("de").map(|country| country.name.as_str()),
        Some("Germany")
    );
    assert_eq!(country("ZZ"), None);
    assert_eq!(country(""), None);
}
