using NanoRecSys.Training.Commands;

using TelemetryExport? telemetry = TelemetryExport.FromEnvironment();
return await CommandLine.RunAsync(args, Console.Out, Console.Error);
