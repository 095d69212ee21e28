//! A no, as Kubernetes says it: an HTTP status and a `Status` object, with our own words apart for our own client.

use axum::body::Body;
use axum::http::{Response, StatusCode, header};
use fathom_model::{Class, Failure};
use serde_json::{Value, json};

/// Why a request is not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: StatusCode,
    pub(crate) reason: &'static str,
    pub(crate) failure: Failure,
}

impl Refusal {
    /// Nobody in particular asks.
    pub(crate) fn unauthorized() -> Self {
        let failure = Failure::new(Class::Denied, "Unauthorized").hinting("come through the API server");
        Refusal { code: StatusCode::UNAUTHORIZED, reason: "Unauthorized", failure }
    }

    /// Something else is in its place.
    pub(crate) fn conflict(failure: Failure) -> Self {
        Refusal { code: StatusCode::CONFLICT, reason: "Conflict", failure }
    }

    /// As an answer.
    pub(crate) fn response(&self) -> Response<Body> {
        let Failure { message, cause, hint, .. } = &self.failure;
        let parts = [("Message", Some(message)), ("Cause", cause.as_ref()), ("Hint", hint.as_ref())];
        let causes: Vec<Value> =
            parts.into_iter().filter_map(|(reason, text)| Some(json!({"reason": reason, "message": text?}))).collect();
        let text = cause.as_ref().map_or_else(|| message.clone(), |cause| format!("{message}: {cause}"));
        let status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": text,
            "reason": self.reason,
            "details": {"group": fathom_protocol::api::GROUP, "causes": causes},
            "code": self.code.as_u16(),
        });
        object(self.code, &status)
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        let (code, reason) = match failure.class {
            Class::Usage => (StatusCode::BAD_REQUEST, "BadRequest"),
            Class::NotFound => (StatusCode::NOT_FOUND, "NotFound"),
            Class::Denied => (StatusCode::FORBIDDEN, "Forbidden"),
            Class::Unsupported => (StatusCode::NOT_IMPLEMENTED, "NotImplemented"),
            Class::NotExecutable | Class::NoCommand | Class::System => {
                (StatusCode::INTERNAL_SERVER_ERROR, "InternalError")
            }
        };
        Refusal { code, reason, failure }
    }
}

/// Any object as an answer.
pub(crate) fn object(code: StatusCode, object: &impl serde::Serialize) -> Response<Body> {
    let body = serde_json::to_vec(object).expect("objects are plain data");
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = code;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-cache, private"));
    response
}
