#include "ginnel/sys/pipeline.hpp"

#include <cerrno>
#include <csignal>
#include <string>
#include <utility>

#include "ginnel/sys/pipe.hpp"

namespace ginnel {

Result<Pipeline> Pipeline::start(std::vector<Command> commands, PipelineOptions options) {
  if (commands.empty()) return std::unexpected{Error{EINVAL, "pipeline", "", "there is no command in it"}};
  for (std::size_t i = 0; i < commands.size(); ++i)
    if (commands[i].empty() || commands[i].front().empty())
      return std::unexpected{Error{EINVAL, "pipeline", "command " + std::to_string(i + 1), "it is empty"}};

  Pipeline pipeline{{}};
  UniqueFd previous;
  for (std::size_t i = 0; i < commands.size(); ++i) {
    const bool last = i + 1 == commands.size();
    Pipe next;
    if (!last) {
      auto pipe = Pipe::create();
      if (!pipe) return std::unexpected{pipe.error()};
      next = std::move(*pipe);
    }
    const int input = i == 0 ? options.input : previous.get();
    const int output = last ? options.output : next.write_end.get();
    auto process = spawn(commands[i], {.descriptors = {{input, 0}, {output, 1}, {options.errors, 2}},
                                       .end_with_parent = options.end_with_parent});
    if (!process) return std::unexpected{process.error()};
    pipeline.processes_.push_back(std::move(*process));
    pipeline.ended_.emplace_back();
    previous = std::move(next.read_end);
  }
  return pipeline;
}

Pipeline::Pipeline(std::vector<Process> processes) noexcept : processes_{std::move(processes)} {}

Pipeline& Pipeline::operator=(Pipeline&& other) noexcept {
  if (this == &other) return *this;
  end_all();
  processes_ = std::move(other.processes_);
  ended_ = std::move(other.ended_);
  other.processes_.clear();
  return *this;
}

Pipeline::~Pipeline() { end_all(); }

void Pipeline::end_all() noexcept {
  for (std::size_t i = 0; i < processes_.size(); ++i)
    if (!ended_[i]) (void)processes_[i].signal(SIGKILL);
  for (std::size_t i = 0; i < processes_.size(); ++i)
    if (!ended_[i]) (void)processes_[i].collect();
  processes_.clear();
}

Result<Outcome<std::vector<ExitStatus>, TimedOut>> Pipeline::wait(Deadline deadline) {
  for (std::size_t i = 0; i < processes_.size(); ++i) {
    if (ended_[i]) continue;
    auto status = processes_[i].collect(deadline);
    if (!status) return std::unexpected{status.error()};
    if (status->is<TimedOut>()) return TimedOut{};
    ended_[i] = status->as<ExitStatus>();
  }
  std::vector<ExitStatus> statuses;
  for (const auto& status : ended_) statuses.push_back(*status);
  return statuses;
}

Result<void> Pipeline::signal_all(int signal_number) {
  for (std::size_t i = 0; i < processes_.size(); ++i) {
    if (ended_[i]) continue;
    auto sent = processes_[i].signal(signal_number);
    if (!sent) return std::unexpected{sent.error()};
  }
  return {};
}

std::optional<std::size_t> first_failure(const std::vector<ExitStatus>& statuses) noexcept {
  std::optional<std::size_t> cut_short;
  for (std::size_t i = 0; i < statuses.size(); ++i) {
    if (statuses[i].success()) continue;
    const bool by_sigpipe = statuses[i].how == ExitStatus::How::killed && statuses[i].value == SIGPIPE;
    if (!by_sigpipe || i + 1 == statuses.size()) return i;
    if (!cut_short) cut_short = i;
  }
  return cut_short;
}

}  // namespace ginnel
