# Files, pipes, signals, another root, another user, a pid namespace. Programs are named by their paths: the shell of busybox
# would run itself in their stead.
cd /tmp
echo one > a; /bin/mv a b; /bin/ln -s b c; /bin/ln b d; /bin/mkdir e; /bin/chmod 600 b; /bin/rm d; /bin/rmdir e
/bin/seq 200 | /bin/sort -r | /bin/head -n 2 > out
/bin/cat < out; /bin/cat /no/such/file; /bin/cat b
trap 'echo heard' USR1; kill -USR1 $$; trap - USR1
/bin/sleep 100 & kill $!; wait $!
(exec 7< b; /bin/cat <&7)
/bin/chroot / /bin/true
/bin/su web -c '/bin/id; /bin/cat /etc/shadow'
/bin/unshare -p -f /bin/sh -c 'echo $$; /bin/true & wait'
printf '%s\n' 'a line with a tab	and an é' > text; /bin/wc -c text
exit 3
