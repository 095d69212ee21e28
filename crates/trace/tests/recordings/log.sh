# The system's log, spoken to over a socket with a name.
/bin/syslogd -n -O /tmp/messages & daemon=$!
until test -S /dev/log; do /bin/usleep 10000; done
/bin/logger -t web -p daemon.err 'no room for orders'
/bin/logger -t web 'orders again'
until /bin/grep -q again /tmp/messages; do /bin/usleep 10000; done
kill $daemon
/bin/cat /tmp/messages
