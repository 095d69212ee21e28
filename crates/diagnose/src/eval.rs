//! What parts of Kubernetes would decide, as pure functions over objects: no rule here, no verdict.

pub mod admission;
pub mod binding;
pub mod controllers;
pub mod cron;
pub mod endpoints;
pub mod flow;
pub mod hosts;
pub mod image;
pub mod messages;
pub mod netpol;
pub mod owners;
pub mod probes;
pub mod proxy;
pub mod rbac;
pub mod reach;
pub mod resolver;
pub mod scheduling;
pub mod security;
pub mod selector;
pub mod template;
pub mod validation;
pub mod versions;
