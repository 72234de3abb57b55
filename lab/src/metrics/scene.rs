//! Where everything stands and what the ways between cost by the model of the network: what maps, waterfalls and example
//! requests need to know of a plan beside its [`super::Shape`].

use origin::DurationDist;

use crate::plan::{Nanos, ObjectId, Plan, Point, Spot};

/// All of it. Empty in tests that need none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scene {
    pub(crate) site: String,
    /// Client places: name, region, point.
    pub(crate) places: Vec<(String, String, Point)>,
    /// Where each PoP is.
    pub(crate) pops: Vec<Point>,
    /// Name and place of the origin.
    pub(crate) origin: Option<(String, Point)>,
    /// By node: the node that it fetches from; `None`: the origin.
    pub(crate) upstream: Vec<Option<u16>>,
    pub(crate) content: Vec<Content>,
    /// Round trips from each place to each node (the last: to the origin), place by place.
    client_rtts: Vec<Nanos>,
    /// Round trip from each node to its upstream.
    upstream_rtts: Vec<Nanos>,
}

/// What is known of a path class.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    path: String,
    /// The `Cache-Control` that the origin sends.
    pub(crate) cache_control: Option<String>,
    /// The field that selects a variant, and its values.
    pub(crate) vary: Option<(String, Vec<String>)>,
    /// How long the origin thinks, on average.
    pub(crate) think: Nanos,
}

impl Scene {
    pub(crate) fn of(plan: &Plan) -> Self {
        let nodes = 0..plan.nodes.len() as u16;
        let places = 0..plan.places.len() as u16;
        let ends = || nodes.clone().map(Spot::Node).chain([Spot::Origin]);
        let client_rtts =
            places.flat_map(|place| ends().map(move |end| plan.link(Spot::Client(place), end).rtt));
        let upstream = |node: u16| plan.upstream_node(node);
        let upstream_rtts = nodes.clone().map(|node| {
            plan.link(
                Spot::Node(node),
                upstream(node).map_or(Spot::Origin, Spot::Node),
            )
            .rtt
        });
        Self {
            site: plan.site.clone(),
            places: plan
                .places
                .iter()
                .map(|place| (place.name.clone(), place.region.clone(), place.point))
                .collect(),
            pops: plan.pops.iter().map(|pop| pop.point).collect(),
            origin: Some((plan.origin.name.clone(), plan.origin.point)),
            client_rtts: client_rtts.collect(),
            upstream_rtts: upstream_rtts.collect(),
            upstream: nodes.map(upstream).collect(),
            content: plan
                .origin
                .catalogue
                .classes
                .iter()
                .map(Content::of)
                .collect(),
        }
    }

    /// The round trip of a client's link.
    pub(crate) fn client_rtt(&self, place: u16, node: Option<u16>) -> Nanos {
        let ends = self.upstream.len() + 1;
        let end = node.map_or(ends - 1, usize::from);
        self.client_rtts
            .get(usize::from(place) * ends + end)
            .copied()
            .unwrap_or(0)
    }

    /// The round trip of a node's link to its upstream.
    pub(crate) fn upstream_rtt(&self, node: u16) -> Nanos {
        self.upstream_rtts
            .get(usize::from(node))
            .copied()
            .unwrap_or(0)
    }

    /// The path of an object.
    pub(crate) fn path(&self, id: ObjectId) -> String {
        let content = self.content.get(usize::from(id.class));
        content.map_or_else(
            || "/".to_owned(),
            |content| content.path.replacen("{id}", &id.object.to_string(), 1),
        )
    }
}

impl Content {
    fn of(class: &origin::Class) -> Self {
        let cache_control: Vec<&str> = class
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("cache-control"))
            .map(|(_, value)| value.as_str())
            .collect();
        Self {
            path: class.path.clone(),
            cache_control: (!cache_control.is_empty()).then(|| cache_control.join(", ")),
            vary: class
                .vary
                .as_ref()
                .map(|vary| (vary.header.clone(), vary.values.clone())),
            think: mean(&class.think),
        }
    }
}

/// The mean of a distribution, as if it were not cut off.
fn mean(think: &DurationDist) -> Nanos {
    match *think {
        DurationDist::Fixed { ns } => ns,
        DurationDist::Uniform { min_ns, max_ns } => min_ns / 2 + max_ns / 2,
        DurationDist::Lognormal {
            median_ns,
            sigma,
            max_ns,
        } => {
            let mean = median_ns as f64 * libm::exp(sigma * sigma / 2.0);
            (mean as Nanos).min(max_ns)
        }
    }
}
