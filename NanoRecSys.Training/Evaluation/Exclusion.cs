namespace NanoRecSys.Training.Evaluation;

/// <summary>Which items of a user's past are left out of the ranking.</summary>
public enum Exclusion
{
    /// <summary>All of them, as serving does.</summary>
    History,

    /// <summary>Those that the model reads: the last L.</summary>
    Window,

    /// <summary>None: the model may recommend what was seen.</summary>
    None,
}
