# The first process of a node that is a set of namespaces: `sh node-init.sh NAME FOLDER`. When it ends, all of the node does.
set -e
mount --make-rprivate /
# What kubelet, containerd and their helpers keep outside of folders that they can be told.
for path in /run /var/log; do mount -t tmpfs tmpfs "$path"; done
mkdir -p /run/netns /run/lock
# A kubelet sets these for the whole machine: here it finds them set, in files of the node's own.
mkdir "$2/sysctl"
while read -r key value; do
  file="$2/sysctl/$(echo "$key" | tr / .)"
  echo "$value" > "$file"
  mount --bind "$file" "/proc/sys/$key"
done <<END
vm/overcommit_memory 1
vm/panic_on_oom 0
kernel/panic 10
kernel/panic_on_oops 1
kernel/keys/root_maxkeys 1000000
kernel/keys/root_maxbytes 25000000
END
hostname "$1"
echo ready > "$2/ready"
exec sleep infinity
