//! The live page: one HTML document that asks for nothing but `/events` and `/lab/…`. It shows how things stand when it is
//! loaded; its script keeps that up to date and offers what can be done.

use std::sync::{Arc, LazyLock};

use axum::extract::{Request, State};
use axum::response::Response;
use base64::Engine;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use http::{HeaderName, HeaderValue, StatusCode};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use super::Front;
use super::news::{News, Node, Region, Told};
use super::serve::{PLAIN, peer, text};
use crate::atlas::{LAND, View};
use crate::plan::{ObjectId, OriginKind, Plan, Point, PopPlan, RoutingMode, Upstream};

const STYLE: &str = concat!(
    include_str!("../../../assets/report.css"),
    include_str!("../../../assets/live.css")
);
const SCRIPT: &str = concat!(
    "\"use strict\";\n",
    include_str!("../../../assets/live.js"),
    include_str!("../../../assets/live_ask.js")
);

/// The script is the page's own and no other; whatever a scenario or a header says stays text.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(SCRIPT));
    format!(
        "default-src 'none'; script-src 'sha256-{hash}'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
});

pub(super) async fn page(State(front): State<Arc<Front>>, request: Request) -> Response {
    if let Err(refusal) = front.door.look(request.headers()) {
        return text(refusal.status(), PLAIN, format!("{refusal}\n"));
    }
    let asks = front.door.asks(peer(&request), request.headers());
    let news = Arc::clone(&front.news.borrow());
    let page = document(&front.plan, &news, asks).into_string();
    let mut reply = text(StatusCode::OK, "text/html; charset=utf-8", page);
    let headers = reply.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&POLICY) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    let sniff = HeaderName::from_static("x-content-type-options");
    headers.insert(sniff, HeaderValue::from_static("nosniff"));
    reply
}

fn document(plan: &Plan, news: &News, asks: bool) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                link rel="icon" href="data:,";
                title { (plan.scenario) " – cdnlab, live" }
                style { (PreEscaped(STYLE)) }
            }
            body data-seq=(news.seq) {
                a.skip href="#request" { "To the form" }
                header.live {
                    div {
                        p.kicker { "cdnlab, live" }
                        h1 { (plan.scenario) @if plan.variant != "base" { ", " (plan.variant) } }
                    }
                    p.buttons {
                        button #play type="button" { "Play the scenario" }
                        button #stop type="button" hidden { "Stop" }
                        button #projector type="button" aria-pressed="false" { "Projector" }
                    }
                }
                main {
                    noscript { p.warn { "Without JavaScript this shows how things stood when it was loaded. Load it again for the next look; "
                        "orders can be given by curl, as docs/demo.md shows." } }
                    p #state.note { "As of the moment when this page was loaded." }
                    p #said role="status" aria-live="polite" {}
                    div.columns {
                        div.seen { (map(plan)) }
                        div.done {
                            section #asked aria-labelledby="h-asked" hidden[plan.asks.is_empty()] {
                                h2 #h-asked { "What will happen?" }
                                div #question aria-live="polite" { p.note { "Play the scenario: before its events you are asked what they will do." } }
                            }
                            (request(plan))
                            (orders(plan, asks))
                        }
                        div.told {
                            section aria-labelledby="h-regions" {
                                h2 #h-regions { "Regions" }
                                p.note { "Hit ratio and reply time are what the region's edges tell: the last 10 seconds, then since the start. Latency is what clients of this page have seen, the whole way." }
                                (region_table(&news.regions))
                            }
                            section aria-labelledby="h-nodes" {
                                h2 #h-nodes { "Nodes and links" }
                                @if edges(plan) { (node_table(&news.nodes)) } @else { p { "In this variant clients go straight to the origin." } }
                                p { "Origin: " strong #origin { (if news.origin.up { "up" } else { "down" }) } ", asked " span #origin-now { (news.origin.now) } " times in 10 s, " span #origin-all { (news.origin.all) } " in all. " }
                                p #links {}
                                ul #changed {}
                            }
                            section aria-labelledby="h-events" {
                                h2 #h-events { "Events" }
                                p.note { "Those of the scenario happen while it is played; what has been ordered here stands below them." }
                                ol #events { @for event in &news.events { li { span.at { (seconds(event.at_ms)) } " " (event.label) } } }
                                ul #diary { @for entry in &news.diary { li { (entry.what) } } }
                            }
                        }
                    }
                }
                footer { p { "Score, guesses and settings stay in this page. Everything else here is measured on the CDN that runs behind this address." } }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

/// Whether there are any: a variant may send clients straight to the origin.
fn edges(plan: &Plan) -> bool {
    plan.routing.mode != RoutingMode::Direct
}

/// The PoPs that run.
fn running(plan: &Plan) -> &[PopPlan] {
    if edges(plan) { &plan.pops } else { &[] }
}

fn seconds(ms: u64) -> String {
    format!("{:.1} s", ms as f64 / 1000.0)
}

/// What is shown where nothing is known.
const NONE: &str = "–";

fn percent(ratio: Option<f64>) -> String {
    ratio.map_or(NONE.to_owned(), |ratio| format!("{:.1} %", ratio * 100.0))
}

fn millis(ms: Option<f64>) -> String {
    match ms {
        None => NONE.to_owned(),
        Some(ms) if ms < 10.0 => format!("{ms:.1} ms"),
        Some(ms) => format!("{ms:.0} ms"),
    }
}

/// Cells that the script fills again by the path of their value and how it is written.
fn told(span: &str, told: &Told) -> Markup {
    html! {
        td.n data-k={ (span) ".hit_ratio" } data-f="percent" { (percent(told.hit_ratio)) }
        td.n data-k={ (span) ".p50_ms" } data-f="ms" { (millis(told.p50_ms)) }
        td.n data-k={ (span) ".p95_ms" } data-f="ms" { (millis(told.p95_ms)) }
    }
}

fn region_table(regions: &[Region]) -> Markup {
    html! {
        div.scroll tabindex="0" role="group" aria-labelledby="h-regions" { table {
            thead {
                tr { td rowspan="2" {} th scope="colgroup" colspan="4" { "edges, last 10 s" } th scope="colgroup" colspan="2" { "since start" } th scope="colgroup" colspan="3" { "clients here, last 10 s" } }
                tr { th scope="col" { "requests" } th scope="col" { "hits" } th scope="col" { "p50" } th scope="col" { "p95" } th scope="col" { "requests" } th scope="col" { "hits" } th scope="col" { "p50" } th scope="col" { "p95" } th scope="col" { "errors" } }
            }
            tbody { @for region in regions { tr data-region {
                th scope="row" { (region.name) " " small { (region.pops.join(", ")) } }
                td.n data-k="now.requests" { (region.now.requests) }
                (told("now", &region.now))
                td.n data-k="all.requests" { (region.all.requests) }
                td.n data-k="all.hit_ratio" data-f="percent" { (percent(region.all.hit_ratio)) }
                td.n data-k="clients_now.p50_ms" data-f="ms" { (millis(region.clients_now.p50_ms)) }
                td.n data-k="clients_now.p95_ms" data-f="ms" { (millis(region.clients_now.p95_ms)) }
                td.n data-k="clients_now.errors" { (region.clients_now.errors) }
            } } }
        } }
    }
}

fn node_table(nodes: &[Node]) -> Markup {
    html! {
        div.scroll tabindex="0" role="group" aria-labelledby="h-nodes" { table {
            thead { tr { th.l scope="col" { "node" } th.l scope="col" { "state" } th scope="col" { "requests in 10 s" } th scope="col" { "hits" } th scope="col" { "p50" } th scope="col" { "p95" } th scope="col" { "requests in all" } th scope="col" { "stored" } } }
            tbody { @for node in nodes { tr data-node {
                th scope="row" { (node.name) }
                td data-k="up" data-f="state" { (if node.up { "up" } else { "down" }) }
                td.n data-k="now.requests" { (node.now.requests) }
                (told("now", &node.now))
                td.n data-k="all.requests" { (node.all.requests) }
                td.n data-k="stored" { (node.stored) }
            } } }
        } }
    }
}

fn map(plan: &Plan) -> Markup {
    let places = plan.places.iter().map(|place| place.point);
    let pops = running(plan).iter().map(|pop| pop.point);
    let view = View::around(places.chain(pops).chain([plan.origin.point]));
    let style = |point| {
        let (left, top) = view.percent(point);
        format!("left:{left:.2}%;top:{top:.2}%")
    };
    let about = format!(
        "{} places of clients, {} PoPs; the tables below tell of them",
        plan.places.len(),
        running(plan).len()
    );
    html! {
        section.card aria-labelledby="h-map" {
            figure.chart.map {
                figcaption #h-map { "Who asks whom" }
                ul.legend {
                    li { span.dot.place aria-hidden="true" {} "clients" }
                    li { span.dot.pop aria-hidden="true" {} "PoP" }
                    @if running(plan).iter().any(|pop| !pop.serves_clients) { li { span.dot.shield aria-hidden="true" {} "shield" } }
                    li { span.dot.origin aria-hidden="true" {} "origin" }
                    li { span.line-fetch aria-hidden="true" {} "fetches upstream" }
                    li { span.line-cut aria-hidden="true" {} "cut" }
                    li { span.line-slow aria-hidden="true" {} "slow" }
                }
                div.world {
                    svg #map viewBox={ "0 0 " (format!("{:.0} {:.0}", view.width(), view.height())) } role="img" aria-label=(about) {
                        g.land { @for line in LAND { path d=(view.area(line)) {} } }
                        g.fetches { @for pop in running(plan) {
                            @if let Some((to, point)) = upstream(plan, pop) { path.fetch data-from=(pop.name) data-to=(to) d=(view.arc(pop.point, point)) {} }
                        } }
                        g #flows {}
                        g.places { @for place in &plan.places {
                            @let (x, y) = view.place(place.point);
                            circle data-place=(place.name) cx=(format!("{x:.0}")) cy=(format!("{y:.0}")) r=(format!("{:.0}", view.width() * 0.007)) { title { (place.name) } }
                        } }
                    }
                    @for pop in running(plan) {
                        @let (x, y) = view.place(pop.point);
                        @let kind = if pop.serves_clients { "pop" } else { "shield" };
                        // Names at the right border, and of what stands beside the origin, go to the left.
                        @let side = if x > view.width() * 0.88 || !pop.serves_clients { " west" } else { "" };
                        span class={ "pin " (kind) (side) } style=(style(pop.point)) data-pop=(pop.name) data-x=(format!("{x:.0}")) data-y=(format!("{y:.0}")) aria-hidden="true" { span class={ "dot " (kind) } {} span.name { (pop.name) } }
                    }
                    @let (x, y) = view.place(plan.origin.point);
                    span.pin.origin.west data-pop="origin" data-x=(format!("{x:.0}")) data-y=(format!("{y:.0}")) style=(style(plan.origin.point)) aria-hidden="true" { span.dot.origin {} span.name { "origin" } }
                }
            }
        }
    }
}

/// Where a PoP fetches from: one place, as each node has one upstream.
fn upstream<'a>(plan: &'a Plan, pop: &PopPlan) -> Option<(&'a str, Point)> {
    let node = plan.nodes.get(usize::from(*pop.nodes.first()?))?;
    match node.upstream {
        Upstream::Origin => Some(("origin", plan.origin.point)),
        Upstream::Pop(pop) => {
            let pop = plan.pops.get(usize::from(pop))?;
            Some((&pop.name, pop.point))
        }
    }
}

/// One path of each class.
fn paths(plan: &Plan) -> Vec<String> {
    if !matches!(plan.origin.kind, OriginKind::Synthetic) {
        return vec!["/".to_owned()];
    }
    let classes = (0..).zip(&plan.classes).take(40);
    let first = |(class, _)| plan.origin.catalogue.path(ObjectId { class, object: 1 });
    classes.map(first).collect()
}

fn request(plan: &Plan) -> Markup {
    let paths = paths(plan);
    html! {
        section #request aria-labelledby="h-request" {
            h2 #h-request { "Send a request" }
            form #ask {
                p.fields {
                    label { "as a client in " select #from { @for place in &plan.places { option value=(place.name) { (place.name) " (" (place.region) ")" } } } }
                    label { "for " input #path type="text" required pattern="/.*" title="A path begins with /" list="paths" autocomplete="off" spellcheck="false" value=(paths.first().map_or("/", String::as_str)); }
                }
                datalist #paths { @for path in &paths { option value=(path) {} } }
                p.fields { button type="submit" { "Send" } label.tick { input #predict type="checkbox"; " ask me first what will happen" } }
            }
            div #guess tabindex="-1" hidden {}
            p #score aria-live="polite" {}
            div #way tabindex="-1" {}
        }
    }
}

fn orders(plan: &Plan, asks: bool) -> Markup {
    let spots = || {
        html! {
            @for pop in running(plan) { option value=(pop.name) { (pop.name) } }
            @if edges(plan) { @for node in &plan.nodes { option value=(node.name) { (node.name) } } }
        }
    };
    let shield = running(plan).iter().find(|pop| !pop.serves_clients);
    let upstream = shield.map_or("origin", |pop| pop.name.as_str());
    html! {
        section #orders aria-labelledby="h-orders" {
            h2 #h-orders { "Break and mend" }
            p #locked hidden[!asks] { label { "Operator's token " input #token type="password" autocomplete="off"; } " " small { "This page was not opened from the machine itself, so orders need it." } }
            p.fields {
                label { "Between " select #cut-a { (spots()) @for population in &plan.populations { option value=(population.name) { (population.name) } } } }
                label { " and " select #cut-b {
                    @for word in ["origin", "router", "clients", "edges"] { option value=(word) selected[word == upstream] { (word) } }
                    @for population in &plan.populations { option value=(population.name) { (population.name) } }
                    @for pop in running(plan) { option value=(pop.name) selected[pop.name == upstream] { (pop.name) } }
                    @if edges(plan) { @for node in &plan.nodes { option value=(node.name) { (node.name) } } }
                } }
                button type="button" data-order="cut" { "Cut the links" }
                button type="button" data-order="heal" { "Heal all links" }
            }
            p.fields hidden[!edges(plan)] {
                label { "Node or PoP " select #victim { (spots()) } }
                label { " for " input #down type="number" min="1" max="3600" value="20"; " s" }
                button type="button" data-order="kill" { "Kill" }
                button type="button" data-order="restart" { "Start again" }
            }
            p.fields {
                label { "Origin " select #ill { option value="delay=800ms" { "slower by 800 ms" } option value="delay=3s" { "slower by 3 s" } option value="status=503" { "answers 503" } } }
                button type="button" data-order="ill" { "Make it so" }
                button type="button" data-order="well" { "Well again" }
            }
            p.fields hidden[!edges(plan)] {
                label { "Purge " select #purge-what { option value="url" { "this path" } option value="group" { "a cache group" } option value="all" { "everything" } } }
                label { " " span.visually-hidden { "path or group" } input #purge-name type="text" autocomplete="off" spellcheck="false" value=(paths(plan).first().map_or("/", String::as_str)); }
                label.tick { input #soft type="checkbox"; " soft (stale, not gone)" }
                button type="button" data-order="purge" { "Purge" }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{PlanOptions, ScenarioFile};

    fn plan(text: &str) -> Plan {
        let file = ScenarioFile::parse("s.yaml", text.to_owned(), std::path::Path::new("."), false)
            .expect("right");
        let geo = geo_data::Database::embedded();
        let variant = file.variants().next().unwrap_or_default().to_owned();
        file.plan(
            &variant,
            &PlanOptions {
                seed: None,
                geo: &geo,
            },
        )
        .expect("a plan")
    }

    #[test]
    fn a_page_can_be_read_before_any_script_runs_and_says_names_as_text() {
        let plan = plan(
            "schema: 1\nname: s\nduration: 4s\norigin: {at: IAD}\ncontent: {pages: {path: '/p/{id}', objects: 3, size: 1KiB, headers: {Cache-Control: max-age=60}}}\n\
             pops: {fra: {at: FRA}}\nclients: {a: {region: '</td><script>alert(1)</script>', from: [FRA], rate: 1/s}}\nrouting: {mode: nearest}\n",
        );
        let node = Node {
            name: "fra-1".to_owned(),
            up: true,
            now: Told {
                requests: 7,
                hit_ratio: Some(0.75),
                ..Told::default()
            },
            ..Node::default()
        };
        let region = Region {
            name: "</td><script>alert(1)</script>".to_owned(),
            ..Region::default()
        };
        let news = News {
            seq: 3,
            nodes: vec![node],
            regions: vec![region],
            ..News::default()
        };
        let page = document(&plan, &news, true).into_string();
        assert!(page.contains("75.0 %") && page.contains("data-seq=\"3\""));
        assert_eq!(page.matches("<script>").count(), 1, "its own");
        assert!(
            page.contains("id=\"locked\">"),
            "a visitor from afar is asked for the token"
        );
        assert!(
            document(&plan, &news, false)
                .into_string()
                .contains("id=\"locked\" hidden")
        );
        assert!(page.contains("value=\"/p/1\""));
    }

    #[test]
    fn the_script_cannot_end_its_element_and_is_the_only_one_allowed() {
        assert!(!SCRIPT.contains("</") && !STYLE.contains("</"));
        assert!(POLICY.starts_with("default-src 'none'; script-src 'sha256-"));
    }
}
