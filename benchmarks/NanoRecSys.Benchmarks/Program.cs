using System.Globalization;
using NanoRecSys.Benchmarks;
using NanoRecSys.Benchmarks.Encoder;
using NanoRecSys.Benchmarks.Evaluation;
using NanoRecSys.Benchmarks.Generate;
using NanoRecSys.Benchmarks.Index;
using NanoRecSys.Benchmarks.Micro;
using NanoRecSys.Benchmarks.Scale;
using NanoRecSys.Benchmarks.Soak;
using NanoRecSys.Benchmarks.Stack;
using NanoRecSys.Benchmarks.Start;

CultureInfo.DefaultThreadCurrentCulture = CultureInfo.InvariantCulture; // the environment can turn cultures on
RootCommand root = new("Benchmarks of NanoRecSys. Each prints a table, and with --json one line of JSON.")
{
    JsonLine.Option,
    LoadCommand.Create(),
    MicroCommand.Create(),
    SoakCommand.Create(),
    StartCommand.Create(),
    ReplicasCommand.Create(),
    IndexCommand.Create(),
    EncoderCommand.Create(),
    LiveMetricsCommand.Create(),
    GenerateCommand.Create(),
    ScaleCommand.Create(),
};

return await root.Parse(args).InvokeAsync();
