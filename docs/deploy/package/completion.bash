complete -C /usr/bin/notify_push notify_push
