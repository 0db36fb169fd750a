function __complete_notify_push
    set -lx COMP_LINE (commandline -cp)
    test -z (commandline -ct)
    and set COMP_LINE "$COMP_LINE "
    /usr/bin/notify_push
end
complete -f -c notify_push -a "(__complete_notify_push)"
