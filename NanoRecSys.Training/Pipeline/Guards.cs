using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace NanoRecSys.Training.Pipeline;

internal static class UserErrorGuard
{
    extension(UserErrorException)
    {
        public static void ThrowIf([DoesNotReturnIf(true)] bool condition, [InterpolatedStringHandlerArgument(nameof(condition))] GuardMessage message)
        {
            if (condition)
            {
                throw new UserErrorException(message.ToString());
            }
        }
    }
}

internal static class InvalidDataGuard
{
    extension(InvalidDataException)
    {
        public static void ThrowIf([DoesNotReturnIf(true)] bool condition, [InterpolatedStringHandlerArgument(nameof(condition))] GuardMessage message)
        {
            if (condition)
            {
                throw new InvalidDataException(message.ToString());
            }
        }
    }
}

/// <summary>The message of a guard, which is only composed if needed.</summary>
[InterpolatedStringHandler]
internal readonly struct GuardMessage
{
    private readonly StringBuilder? _text;

    public GuardMessage(int literalLength, int formattedCount, bool condition, out bool isNeeded)
    {
        isNeeded = condition;
        _text = condition ? new StringBuilder(literalLength + 16 * formattedCount) : null;
    }

    public void AppendLiteral(string text) => _text!.Append(text);

    public void AppendFormatted<T>(T value, string? format = null) =>
        _text!.Append(value is IFormattable number ? number.ToString(format, CultureInfo.InvariantCulture) : value?.ToString());

    public override string ToString() => $"{_text}";
}
