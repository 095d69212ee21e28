//! Real captures of several generations against the counts that their table has, and captures of which bytes are
//! missing or wrong.

mod build;
mod damage;
mod generations;
mod samples;
