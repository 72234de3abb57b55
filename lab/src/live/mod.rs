//! The live driver: plays a plan against real processes on this machine.
//!
//! It starts the nodes, joins them by links, sends the planned requests over real connections, lets
//! the planned events happen at their times, and gives what it saw to the fold. It speaks HTTP as any
//! client does; it knows nothing of the insides of a node, and nothing of the simulator.

pub mod child;
pub mod clock;
pub mod connections;
