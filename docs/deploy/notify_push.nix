# For NixOS: imports = [ ./notify_push.nix ], beside services.nextcloud, whose module runs this server in place of the app's own,
# with nginx and occ notify_push:setup as it does for that.
{ lib, pkgs, ... }:
{
  services.nextcloud.notify_push = {
    enable = true;
    package = pkgs.buildGoModule rec {
      pname = "notify_push";
      version = "0.1.0";
      src = pkgs.fetchFromGitHub {
        owner = "notifypush";
        repo = "notifypush";
        tag = "v${version}";
        hash = lib.fakeHash; # nix prints the right one
      };
      vendorHash = lib.fakeHash; # and this one
      subPackages = [ "." ];
      env.CGO_ENABLED = 0;
      ldflags = [ "-s" "-w" "-X github.com/notifypush/notifypush/cli.version=${version}" ];
      postInstall = "mv $out/bin/notifypush $out/bin/notify_push";
      meta.mainProgram = "notify_push";
    };
  };

  # As in notify_push.service, which says why.
  systemd.services.nextcloud-notify_push.serviceConfig = {
    LimitNOFILE = 131072;
    TimeoutStopSec = "20s";
    LimitCORE = "0";
    UMask = "0077";
    CapabilityBoundingSet = "";
    NoNewPrivileges = true;
    ProtectSystem = "strict";
    ProtectHome = true;
    PrivateTmp = true;
    PrivateDevices = true;
    PrivateUsers = true;
    ProtectProc = "invisible";
    ProtectClock = true;
    ProtectHostname = true;
    ProtectKernelLogs = true;
    ProtectKernelModules = true;
    ProtectKernelTunables = true;
    ProtectControlGroups = true;
    RestrictAddressFamilies = "AF_INET AF_INET6 AF_UNIX";
    RestrictNamespaces = true;
    RestrictRealtime = true;
    RestrictSUIDSGID = true;
    RemoveIPC = true;
    KeyringMode = "private";
    LockPersonality = true;
    MemoryDenyWriteExecute = true;
    SystemCallArchitectures = "native";
    SystemCallFilter = [ "@system-service" "~@privileged @resources" ];
    SystemCallErrorNumber = "EPERM";
  };
}
