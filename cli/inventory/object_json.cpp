#include "inventory/object_json.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "inventory/belonging.hpp"
#include "inventory/facts_json.hpp"
#include "render/output.hpp"

namespace ginnel::cli {
namespace {

using inventory::Fact;
using inventory::Object;
using inventory::Snapshot;

Fact<std::string> command_of(const Snapshot& snapshot, pid_t pid) {
  const inventory::ProcessInfo* process = snapshot.process(pid);
  return process == nullptr ? Fact<std::string>::missing("the process is not seen") : process->command;
}

Fact<int> number_of(const inventory::Holder& holder) {
  return holder.fd < 0 ? Fact<int>::missing("it is no descriptor") : holder.fd;
}

Json to_json(const Snapshot& snapshot, const inventory::Holder& holder) {
  Json json{{"pid", holder.pid}, {"tid", holder.tid}};
  Facts facts{json};
  facts.add("comm", command_of(snapshot, holder.pid));
  facts.add("fd", number_of(holder));
  json["how"] = to_string(holder.how);
  json["access"] = to_string(holder.access);
  facts.finish();
  return json;
}

Json to_json(const Snapshot& snapshot, const inventory::Waiter& waiter) {
  Json json{{"pid", waiter.pid}, {"tid", waiter.tid}};
  Facts facts{json};
  facts.add("comm", command_of(snapshot, waiter.pid));
  json["wait"] = to_string(waiter.wait);
  facts.add("since_s", waiter.since,
            [](std::chrono::nanoseconds span) { return std::chrono::duration<double>{span}.count(); });
  facts.finish();
  return json;
}

Json to_json(const inventory::Fill& fill) {
  Json json = Json::object();
  Facts facts{json};
  facts.add("used", fill.used);
  facts.add("capacity", fill.capacity);
  json["unit"] = to_string(fill.unit);
  facts.add("writer_blocks", fill.writer_blocks);
  facts.finish();
  return json;
}

Json to_json(const inventory::Creator& creator) {
  Json json{{"pid", creator.pid}, {"life", to_string(creator.life)}};
  if (creator.life != inventory::Life::dead) {
    json["comm"] = creator.command;
    json["start_ticks"] = creator.start_ticks;
  }
  return json;
}

Json to_json(const inventory::Member& member) {
  Json json{{"name", member.name}, {"role", to_string(member.role)}};
  Facts facts{json};
  facts.add("pid", member.pid);
  facts.add("life", member.life, [](inventory::Life life) { return to_string(life); });
  facts.add("reliable", member.reliable);
  facts.add("holds_back", member.holds_back);
  facts.add("waiting", member.waiting);
  facts.add("capacity", member.capacity);
  facts.add("messages", member.messages);
  facts.add("lost", member.lost);
  facts.add("held", member.held);
  facts.add("type", member.type.empty() ? Fact<std::string>::missing("none was told") : member.type);
  json["reads"] = member.reads;
  facts.finish();
  return json;
}

/// Each line of the text, on a line of its own and as deep as an element of a document's list. No string of JSON has a line end.
std::string indented(std::string_view text) {
  std::string deeper;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    deeper.append("\n    ").append(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return deeper;
}

}  // namespace

double seconds_of(inventory::Time time) { return std::chrono::duration<double>{time.time_since_epoch()}.count(); }

Json to_json(const inventory::Coverage& coverage) {
  Json namespaces = Json::array();
  for (const inventory::NamespaceInfo& space : coverage.namespaces) {
    Json json{{"kind", to_string(space.kind)}, {"inode", space.inode}, {"own", space.own}, {"visited", space.visited}};
    if (!space.visited) json["reason"] = space.reason;
    namespaces.push_back(std::move(json));
  }
  Json sources = Json::object();
  for (const inventory::Source& source : coverage.sources) sources[source.name] = source.served;
  return {{"complete", coverage.complete()},     {"processes", coverage.processes},
          {"unreadable", coverage.unreadable},   {"processes_hidden", coverage.processes_hidden},
          {"namespaces", std::move(namespaces)}, {"in_flight", coverage.in_flight},
          {"sources", std::move(sources)},       {"notes", coverage.notes}};
}

Json to_json(const inventory::Judge& judge, const Object& object) {
  const Snapshot& snapshot = judge.snapshot();
  Json json{{"uid", object.id.to_string()}, {"kind", to_string(object.id.kind)}};
  Facts facts{json};
  facts.add("name", name_of(object));
  facts.add("ns", namespace_of(object));
  facts.add("owner", object.owner);
  facts.add("group", object.group);
  facts.add("mode", object.mode, [](std::uint32_t mode) { return fmt::format("{:04o}", mode); });
  facts.add("creator", object.creator, [](const inventory::Creator& creator) { return to_json(creator); });
  facts.add("changed", object.changed, seconds_of);
  Json holders = Json::array();
  for (const auto& holder : object.holders) holders.push_back(to_json(snapshot, holder));
  json["holders"] = std::move(holders);
  Json waiters = Json::array();
  for (const auto& waiter : object.waiters) waiters.push_back(to_json(snapshot, waiter));
  json["waiters"] = std::move(waiters);
  facts.add("fill", object.fill, [](const inventory::Fill& fill) { return to_json(fill); });
  Json peers = Json::array();
  for (const auto& peer : object.peers) peers.push_back(peer.to_string());
  json["peers"] = std::move(peers);
  facts.add("cgroup", object.cgroup);
  json["deleted"] = object.deleted;
  Json details = Json::object();
  for (const auto& detail : object.details) details[detail.key] = detail.value;
  json["details"] = std::move(details);
  Json members = Json::array();
  for (const auto& member : object.members) members.push_back(to_json(member));
  json["members"] = std::move(members);

  const inventory::Judgement judgement = judge(object);
  json["verdict"] = to_string(judgement.verdict);
  json["reasons"] = judgement.reasons;
  json["evidence"] = judgement.evidence;
  facts.finish();
  return json;
}

void put_document(const inventory::Judge& judge, const std::vector<const Object*>& objects) {
  const Snapshot& snapshot = judge.snapshot();
  std::string head = to_text(Json{{"schema", inventory_schema},
                                  {"boot_id", snapshot.boot_id},
                                  {"taken_at", seconds_of(snapshot.taken_at)},
                                  {"coverage", to_json(snapshot.coverage)}});
  head.resize(head.rfind("\n}"));
  put("{},\n  \"objects\": [", head);
  bool first = true;
  for (const Object* object : objects) {
    put("{}{}", first ? "" : ",", indented(to_text(to_json(judge, *object))));
    first = false;
  }
  put("{}]\n}}\n", objects.empty() ? "" : "\n  ");
}

}  // namespace ginnel::cli
