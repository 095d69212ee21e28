//! The toolkit as a user meets it: the real program, called by its applets' names.

mod applets;
mod files;
mod network;
mod pagers;
mod processes;
mod shell;
mod terminal;
mod toolbox;
