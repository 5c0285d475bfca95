using NanoRecSys.Training.Commands;
using NanoRecSys.Training.Pipeline;

using TelemetryExport? telemetry = TelemetryExport.FromEnvironment();
return await CommandLine.RunAsync(args, Console.Out, Console.Error);
