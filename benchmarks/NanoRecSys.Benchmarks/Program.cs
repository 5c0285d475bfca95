using NanoRecSys.Benchmarks.Encoder;
using NanoRecSys.Benchmarks.Evaluation;
using NanoRecSys.Benchmarks.Generate;
using NanoRecSys.Benchmarks.Index;
using NanoRecSys.Benchmarks.Micro;
using NanoRecSys.Benchmarks.Ranker;
using NanoRecSys.Benchmarks.Scale;
using NanoRecSys.Benchmarks.Soak;
using NanoRecSys.Benchmarks.Stack;
using NanoRecSys.Benchmarks.Start;
using NanoRecSys.Benchmarks.Training;

RootCommand root = new("Benchmarks of NanoRecSys. Each prints a table, and with --json one line of JSON.")
{
    LoadCommand.Create(),
    MicroCommand.Create(),
    SoakCommand.Create(),
    StartCommand.Create(),
    ReplicasCommand.Create(),
    IndexCommand.Create(),
    EncoderCommand.Create(),
    LiveMetricsCommand.Create(),
    RankerCommand.Create(),
    GenerateCommand.Create(),
    ScaleCommand.Create(),
    TrainingCommand.Create(),
};

return await root.Parse(args).InvokeAsync();
