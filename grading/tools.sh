#!/bin/sh
# Sees to it that the tools of the named groups (grading/tools.txt) are here: says what is missing
# and why, and installs it with apt-get. Where it can't, it prints the list and the command, exit 1.
#
# usage: grading/tools.sh [--stamp FILE] GROUP...
#
# The look for missing tools takes milliseconds and is made every time. Versions are compared only
# while FILE is absent or older than the list; FILE is written once all is well.
set -u

list=$(dirname "$0")/tools.txt
PATH=$PATH:/usr/sbin:/sbin  # mke2fs is there, and a shell may not look there
stamp=
if [ "${1-}" = --stamp ]; then stamp=$2; shift 2; fi
groups=" $* "

say() { printf 'cairn: %s\n' "$*" >&2; }

# Is WHAT (a command or an absolute path) here?
present() {
  case $1 in
    /*) [ -e "$1" ] ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

# Sets `missing` to the packages that the groups lack, `wishes` to the optional ones (looked for with
# a `?`), and `reasons` to a line for each. A missing wish alone is no reason to do anything.
find_missing() {
  missing= wishes= reasons=
  while read -r group package what why; do
    case $groups in *" $group "*) ;; *) continue ;; esac
    name=${what%%>=*}
    present "${name#\?}" && continue
    case $name in
      \?*) wishes="$wishes $package" why="$why (can be done without)" ;;
      *) missing="$missing $package" ;;
    esac
    reasons="$reasons$(printf '  %-24s %s' "$package" "$why")
"
  done <"$list"
}

install_missing() {
  command -v apt-get >/dev/null || { say "there is no apt-get here"; return 1; }
  root=
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { say "only root may install, and there is no sudo here"; return 1; }
    root=sudo
  fi
  apt="$root env DEBIAN_FRONTEND=noninteractive apt-get -q"
  install="$apt install -y --no-install-recommends$missing$wishes"
  say "running: $install"
  if ls /var/lib/apt/lists/*Packages* >/dev/null 2>&1; then
    $install >&2 && return 0
  fi
  $apt update >&2 && $install >&2
}

# Prints a line for each tool of the groups that is older than the list wants.
find_old() {
  while read -r group package what why; do
    case $groups in *" $group "*) ;; *) continue ;; esac
    case $what in *">="*) ;; *) continue ;; esac
    tool=${what%%>=*} wanted=${what#*>=}
    found=$("$tool" --version 2>&1 | grep -oE '[0-9]+(\.[0-9]+)+' | head -n 1)
    oldest=$(printf '%s\n%s\n' "$wanted" "$found" | sort -V | head -n 1)
    [ "$oldest" = "$wanted" ] || printf '%s is %s, %s or newer is needed (package %s)\n' \
      "$tool" "${found:-of unknown version}" "$wanted" "$package"
  done <"$list"
}

find_missing
if [ -n "$missing" ]; then
  say "missing packages:"
  printf '%s' "$reasons" >&2
  if install_missing; then find_missing; fi
  if [ -n "$missing" ]; then
    say "install these packages, then run the command again (as on Debian 12):"
    say "  apt-get install --no-install-recommends$missing"
    exit 1
  fi
fi

if [ -n "$stamp" ] && [ -e "$stamp" ] && [ -z "$(find "$list" -newer "$stamp")" ]; then exit 0; fi
old=$(find_old)
if [ -n "$old" ]; then
  printf '%s\n' "$old" | while read -r line; do say "$line"; done
  exit 1
fi
if [ -n "$stamp" ]; then : >"$stamp"; fi
