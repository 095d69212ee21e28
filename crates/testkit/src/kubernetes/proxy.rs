//! A bad network between two that speak with each other: bytes come late, in crumbs, or not at all.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Stands between, on a port of its own on loopback.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    weather: Arc<Weather>,
}

/// What it does to those that pass.
#[derive(Debug)]
struct Weather {
    delay: AtomicU64,
    crumb: AtomicUsize,
    silent: AtomicBool,
    over: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// In front of `server`, harmless at first.
    ///
    /// # Panics
    /// When loopback cannot be listened on.
    pub fn new(server: SocketAddr) -> Proxy {
        Proxy::at("127.0.0.1", server)
    }

    /// The same on another address of this network.
    pub(super) fn at(own: &str, server: SocketAddr) -> Proxy {
        let listener = TcpListener::bind((own, 0)).expect("the address can be listened on");
        let address = listener.local_addr().expect("it is bound");
        let weather = Arc::new(Weather {
            delay: AtomicU64::new(0),
            crumb: AtomicUsize::new(64 << 10),
            silent: AtomicBool::new(false),
            over: AtomicBool::new(false),
            open: Mutex::default(),
        });
        let shared = weather.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if shared.over.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(server) = TcpStream::connect(server) else { continue };
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let _ = to.set_nodelay(true);
                    let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) else { continue };
                    let weather = shared.clone();
                    std::thread::spawn(move || weather.carry(from, to));
                }
                shared.open.lock().unwrap_or_else(PoisonError::into_inner).extend([client, server]);
            }
        });
        Proxy { address, weather }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// For [`super::Kubernetes::kubeconfig_at`].
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Everything comes so much later from now on.
    pub fn delay(&self, by: Duration) {
        self.weather.delay.store(u64::try_from(by.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// No more than so many bytes come at once from now on: whatever was one piece is many.
    pub fn crumble(&self, size: usize) {
        self.weather.crumb.store(size.max(1), Ordering::Relaxed);
    }

    /// Nothing comes through any more, and nobody is told: a cable that was pulled.
    pub fn fall_silent(&self) {
        self.weather.silent.store(true, Ordering::Relaxed);
    }

    /// What was held back comes after all, and so does everything from now on.
    pub fn speak_again(&self) {
        self.weather.silent.store(false, Ordering::Relaxed);
    }

    /// Every connection breaks off now; new ones are as good as before.
    pub fn cut(&self) {
        for end in self.weather.open.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.weather.over.store(true, Ordering::Relaxed);
        self.cut();
        let _ = TcpStream::connect(self.address);
    }
}

impl Weather {
    fn carry(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = vec![0; 64 << 10];
        loop {
            let most = self.crumb.load(Ordering::Relaxed).min(buffer.len());
            let Ok(count @ 1..) = from.read(&mut buffer[..most]) else { break };
            std::thread::sleep(Duration::from_micros(self.delay.load(Ordering::Relaxed)));
            while self.silent.load(Ordering::Relaxed) {
                if self.over.load(Ordering::Relaxed) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            if to.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    }
}
