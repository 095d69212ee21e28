//! `fathom enter` on real containers: what the user sees, what the target sees, and what is left afterwards.

mod bad_input;
mod cleanup;
mod crashing;
mod doctor;
mod machine;
mod names;
mod old_cgroups;
mod old_kernels;
mod profiles;
mod relay;
mod roots;
mod streams;
mod support;
mod terminal;
mod toolkits;
