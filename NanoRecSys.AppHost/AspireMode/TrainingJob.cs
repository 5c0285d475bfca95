using Aspire.Hosting.Kubernetes;
using Aspire.Hosting.Kubernetes.Resources;

namespace NanoRecSys.AppHost.AspireMode;

/// <summary>
/// The training in Kubernetes: a job of the release. Aspire itself writes a stateful set for whatever mounts a
/// claim, and that would start a training again as soon as it ends, for ever.
/// </summary>
internal sealed class TrainingJob : Workload
{
    private TrainingJob(PodTemplateSpecV1 template)
        : base("batch/v1", "Job") => Spec = new JobSpec(template);

    // Written to the chart as it is named here, in camel case.
    public JobSpec Spec { get; }

    public override PodTemplateSpecV1 PodTemplate => Spec.Template;

    /// <summary>Puts a job in the place of the workload that Aspire made; its pods stay the same.</summary>
    public static void Replace(KubernetesResource resource)
    {
        Workload workload = resource.Workload!;
        workload.PodTemplate.Spec.RestartPolicy = "Never"; // Jobs may not say Always; what failed is tried again in a new pod.
        // A job's pods cannot be changed once made, so that every upgrade of the release needs a name of its own.
        workload.Metadata.Name = "training-{{ .Release.Revision }}";
        resource.Workload = new TrainingJob(workload.PodTemplate) { Metadata = workload.Metadata };
    }

    internal sealed record JobSpec(PodTemplateSpecV1 Template);
}
