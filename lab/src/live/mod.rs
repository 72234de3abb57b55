//! The live driver: plays a plan against real processes on this machine.
