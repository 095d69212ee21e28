//! Whom the server believes, over real TLS, before the test kit's Kubernetes: forged front proxies, tokens that are
//! replayed or made out for others, a stolen certificate.

mod agents;
mod authority;
mod enrolment;
mod front;
mod support;
