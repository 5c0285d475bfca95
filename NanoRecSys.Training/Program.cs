using NanoRecSys.Training.Commands;

return await CommandLine.RunAsync(args, Console.Out, Console.Error);
