#compdef notify_push
autoload -U +X bashcompinit && bashcompinit
complete -o nospace -C /usr/bin/notify_push notify_push
