namespace NanoRecSys.Contracts;

/// <param name="Loc">Path to the field, such as <c>["body", "user_id"]</c>.</param>
/// <param name="Msg">For people.</param>
/// <param name="Type">For programs: <c>missing</c>, <c>int_type</c>, <c>less_than_equal</c>, ...</param>
public sealed record FieldError(IReadOnlyList<string> Loc, string Msg, string Type)
{
    public static FieldError NotAnInteger(IReadOnlyList<string> loc) => new(loc, "Input should be a valid integer", "int_type");

    public static FieldError NotAnId(IReadOnlyList<string> loc) => new(
        loc, $"Input should be an integer of 64 bits, or a string of 1 to {EntityId.MaxBytes} bytes without control characters, other than '.' and '..'", "id_type");

    /// <summary>An integer too large for the field's type, whose range is the field's range.</summary>
    public static FieldError TooLarge(IReadOnlyList<string> loc, long min, long max) => new(loc, $"Input should be between {min} and {max}", "int_type");

    /// <returns>Null if the value is within its bounds.</returns>
    public static FieldError? OutOfRange(IReadOnlyList<string> loc, int value, int min, int max) =>
        value < min ? new FieldError(loc, $"Input should be greater than or equal to {min}", "greater_than_equal")
        : value > max ? new FieldError(loc, $"Input should be less than or equal to {max}", "less_than_equal")
        : null;
}
