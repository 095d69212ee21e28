//! Names of services for ports, as rows: those that the Internet Assigned Numbers Authority gave and that are met.

use fathom_scap::Transport;

/// Name, port, and whether it is known over TCP and over UDP.
const SERVICES: &[(&str, u16, bool, bool)] = &[
    ("echo", 7, true, true),
    ("discard", 9, true, true),
    ("systat", 11, true, false),
    ("daytime", 13, true, true),
    ("qotd", 17, true, false),
    ("chargen", 19, true, true),
    ("ftp-data", 20, true, false),
    ("ftp", 21, true, false),
    ("ssh", 22, true, false),
    ("telnet", 23, true, false),
    ("smtp", 25, true, false),
    ("time", 37, true, true),
    ("whois", 43, true, false),
    ("tacacs", 49, true, true),
    ("domain", 53, true, true),
    ("bootps", 67, false, true),
    ("bootpc", 68, false, true),
    ("tftp", 69, false, true),
    ("gopher", 70, true, false),
    ("finger", 79, true, false),
    ("http", 80, true, false),
    ("kerberos", 88, true, true),
    ("pop3", 110, true, false),
    ("sunrpc", 111, true, true),
    ("ntp", 123, false, true),
    ("netbios-ns", 137, false, true),
    ("netbios-dgm", 138, false, true),
    ("netbios-ssn", 139, true, false),
    ("imap2", 143, true, false),
    ("snmp", 161, true, true),
    ("snmp-trap", 162, true, true),
    ("xdmcp", 177, false, true),
    ("bgp", 179, true, false),
    ("irc", 194, true, true),
    ("ldap", 389, true, true),
    ("https", 443, true, true),
    ("microsoft-ds", 445, true, true),
    ("kpasswd", 464, true, true),
    ("submissions", 465, true, false),
    ("isakmp", 500, false, true),
    ("syslog", 514, false, true),
    ("shell", 514, true, false),
    ("printer", 515, true, false),
    ("submission", 587, true, false),
    ("ipp", 631, true, false),
    ("ldaps", 636, true, true),
    ("rsync", 873, true, false),
    ("imaps", 993, true, false),
    ("pop3s", 995, true, false),
    ("socks", 1080, true, false),
    ("openvpn", 1194, true, true),
    ("ms-sql-s", 1433, true, false),
    ("radius", 1812, true, true),
    ("nfs", 2049, true, true),
    ("mysql", 3306, true, false),
    ("ms-wbt-server", 3389, true, false),
    ("svn", 3690, true, false),
    ("sip", 5060, true, true),
    ("xmpp-client", 5222, true, false),
    ("mdns", 5353, false, true),
    ("postgresql", 5432, true, false),
    ("amqp", 5672, true, true),
    ("x11", 6000, true, false),
    ("redis", 6379, true, false),
    ("http-alt", 8080, true, true),
    ("git", 9418, true, false),
];

/// The service at a port; of services over an unknown transport, the first one.
pub fn name(port: u16, transport: Transport) -> Option<&'static str> {
    let known = |(_, number, tcp, udp): &&(&str, u16, bool, bool)| {
        *number == port
            && match transport {
                Transport::Tcp => *tcp,
                Transport::Udp => *udp,
                _ => true,
            }
    };
    SERVICES.iter().find(known).map(|row| row.0)
}

/// The port of a service.
pub fn port(name: &str) -> Option<u16> {
    SERVICES.iter().find(|row| row.0 == name).map(|row| row.1)
}
