//! What the simulator numbers densely: the variants of all objects, and the links between spots.

use super::SimError;
use super::wire::Wires;
use crate::plan::{ObjectId, Plan, Spot};

/// Dense keys: every variant of every object.
#[derive(Debug)]
pub(super) struct Keys {
    /// Per class, its first key and how many variants its objects have.
    classes: Vec<(u32, u32)>,
    pub(super) count: usize,
}

impl Keys {
    pub(super) fn new(plan: &Plan) -> Result<Self, SimError> {
        let mut next = 0u64;
        let mut classes = Vec::new();
        for (class, planned) in plan.origin.catalogue.classes.iter().zip(&plan.classes) {
            let variants = planned
                .vary
                .as_ref()
                .map_or(1, |vary| vary.values.len().max(1));
            let first = u32::try_from(next).unwrap_or(u32::MAX);
            classes.push((first, u32::try_from(variants).unwrap_or(u32::MAX)));
            next = next.saturating_add(u64::from(class.objects).saturating_mul(variants as u64));
        }
        if next >= u64::from(u32::MAX) {
            return Err(SimError::TooManyKeys(next));
        }
        Ok(Self {
            classes,
            count: usize::try_from(next).unwrap_or(usize::MAX),
        })
    }

    pub(super) fn of(&self, object: ObjectId, variant: u16) -> u32 {
        let (first, variants) = self.classes[usize::from(object.class)];
        first + object.object * variants + u32::from(variant)
    }

    pub(super) fn variants(&self, object: ObjectId) -> u32 {
        self.classes[usize::from(object.class)].1
    }
}

/// Links by who uses them.
#[derive(Debug)]
pub(super) struct Ways {
    nodes: usize,
    to_node: Vec<Option<u32>>,
    to_origin: Vec<Option<u32>>,
    to_router: Vec<Option<u32>>,
}

impl Ways {
    pub(super) fn new(plan: &Plan, wires: &Wires) -> Self {
        let places = 0..u16::try_from(plan.places.len()).unwrap_or(u16::MAX);
        let nodes = 0..u16::try_from(plan.nodes.len()).unwrap_or(u16::MAX);
        let to = |spot: Spot| {
            places
                .clone()
                .map(|place| wires.find(Spot::Client(place), spot))
                .collect()
        };
        let to_node = places
            .clone()
            .flat_map(|place| nodes.clone().map(move |node| (place, node)));
        Self {
            nodes: plan.nodes.len(),
            to_node: to_node
                .map(|(place, node)| wires.find(Spot::Client(place), Spot::Node(node)))
                .collect(),
            to_origin: to(Spot::Origin),
            to_router: to(Spot::Router),
        }
    }

    pub(super) fn to_node(&self, place: u16, node: u16) -> Option<u32> {
        self.to_node
            .get(usize::from(place) * self.nodes + usize::from(node))
            .copied()
            .flatten()
    }

    pub(super) fn to_origin(&self, place: u16) -> Option<u32> {
        self.to_origin.get(usize::from(place)).copied().flatten()
    }

    pub(super) fn to_router(&self, place: u16) -> Option<u32> {
        self.to_router.get(usize::from(place)).copied().flatten()
    }
}
