use super::*;

fn steering() -> Steering {
    let config: Config = serde_json::from_str(
        r#"{"name": "r", "default_pop": "iad", "ttl_ms": 30000, "pops": [
            {"name": "fra", "lat": 50.03, "lon": 8.56, "nodes": [
                {"name": "fra-1", "url": "http://127.0.0.1:4001", "host": "fra-1.localhost"},
                {"name": "fra-2", "url": "http://127.0.0.1:4002", "host": "fra-2.localhost"},
                {"name": "fra-3", "url": "http://127.0.0.1:4003", "host": "fra-3.localhost"}]},
            {"name": "lhr", "lat": 51.47, "lon": -0.45, "nodes": [{"name": "lhr-1", "url": "http://127.0.0.1:4004"}]},
            {"name": "iad", "lat": 38.94, "lon": -77.46, "nodes": [{"name": "iad-1", "url": "http://127.0.0.1:4005"}]}]}"#,
    )
    .expect("a configuration");
    Steering::new(&config).expect("valid")
}

fn berlin() -> Located {
    Located {
        place: "Berlin".to_owned(),
        country: Some("DE".to_owned()),
        point: Point {
            lat: 52.5,
            lon: 13.4,
        },
        network: "198.18.0.0/24".parse().expect("a network"),
    }
}

/// `up`: one letter per node, `+` or `-`.
fn decide(located: Option<&Located>, up: &str, key: &str) -> Decision {
    let up: Vec<bool> = up.chars().map(|letter| letter == '+').collect();
    let client = "198.18.0.9".parse().expect("an address");
    steering().decide(client, located, &up, key.as_bytes())
}

#[test]
fn the_pop_and_the_reason() {
    let check = |located: bool, up: &str, pop: &str, why: &str| {
        let berlin = berlin();
        let decision = decide(located.then_some(&berlin), up, "/");
        assert_eq!(decision.choice.pop, pop, "{up}");
        assert_eq!(decision.why, why, "{up}");
    };
    check(true, "+++++", "fra", "fra is the nearest to Berlin");
    check(true, "-+-++", "fra", "fra is the nearest to Berlin");
    check(
        true,
        "---++",
        "lhr",
        "lhr is the nearest to Berlin that is up; nearer but down: fra",
    );
    check(
        true,
        "----+",
        "iad",
        "iad is the nearest to Berlin that is up; nearer but down: fra, lhr",
    );
    check(
        true,
        "-----",
        "fra",
        "no edge is up; fra is tried all the same",
    );
    check(
        false,
        "+++++",
        "iad",
        "198.18.0.9 cannot be located: the default, iad",
    );
    check(
        false,
        "+++--",
        "fra",
        "198.18.0.9 cannot be located and the default, iad, is down: fra",
    );
}

#[test]
fn the_answer_shows_place_and_ranking() {
    let decision = decide(Some(&berlin()), "---++", "/");
    let json = serde_json::to_value(&decision).expect("it serialises");
    assert_eq!(json["client"], "198.18.0.9");
    assert_eq!(json["place"], "Berlin");
    assert_eq!(json["country"], "DE");
    assert_eq!(json["network"], "198.18.0.0/24");
    assert_eq!(json["ttl_ms"], 30_000);
    assert_eq!(json["choice"]["node"], "lhr-1");
    assert_eq!(json["choice"]["url"], "http://127.0.0.1:4004");
    let ranking = json["ranking"].as_array().expect("a list");
    let shown: Vec<String> = ranking
        .iter()
        .map(|ranked| format!("{} {}", ranked["pop"], ranked["healthy"]))
        .collect();
    assert_eq!(shown, ["\"fra\" false", "\"lhr\" true", "\"iad\" true"]);
    assert!(ranking[0]["distance_km"].as_f64().expect("a distance") > 0.0);
}

#[test]
fn an_unknown_place_is_null_and_has_no_distances() {
    let decision = decide(None, "+++++", "/");
    assert_eq!(
        (decision.place, decision.country, decision.network),
        (None, None, None)
    );
    assert!(
        decision
            .ranking
            .iter()
            .all(|ranked| ranked.distance_km.is_none())
    );
}

#[test]
fn keys_spread_over_the_nodes_of_a_pop_and_stay_where_they_are() {
    let node = |up: &str, key: usize| decide(Some(&berlin()), up, &format!("/{key}")).choice.node;
    let mut counts = std::collections::BTreeMap::new();
    for key in 0..3_000 {
        let all = node("+++++", key);
        *counts.entry(all.clone()).or_insert(0) += 1;
        assert_eq!(all, node("+++++", key), "equal keys, equal nodes");
        let without = node("+-+++", key);
        if all == "fra-2" {
            assert_ne!(without, "fra-2");
        } else {
            assert_eq!(without, all, "only the keys of the failed node move");
        }
    }
    assert_eq!(counts.len(), 3);
    // Binomial with p = 1/3: 1,000 with a standard deviation of 26.
    assert!(
        counts.values().all(|count| (850..1_150).contains(count)),
        "{counts:?}"
    );
}

#[test]
fn liveness_that_is_too_short_counts_as_down() {
    assert_eq!(decide(Some(&berlin()), "", "/").choice.pop, "fra");
    assert_eq!(decide(Some(&berlin()), "---+", "/").choice.pop, "lhr");
}
