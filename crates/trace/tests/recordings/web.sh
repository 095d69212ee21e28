# A web server that is asked three times, a connection that is refused, one of netcat's, and a question over UDP.
cd /tmp
/bin/httpd -f -h /www & server=$!
until /bin/wget -q -O page http://127.0.0.1/index.html; do /bin/usleep 10000; done
/bin/wget -q -O none http://127.0.0.1/missing.html
/bin/wget -q -O page 'http://[::1]/index.html'
kill $server
/bin/wget -q -O none http://127.0.0.1:9/
/bin/nc -l -p 81 > heard & until echo told | /bin/nc 127.0.0.1 81; do /bin/usleep 10000; done; wait
/bin/nslookup web.shop 127.0.0.1
/bin/cat page heard
