import java.io.FileInputStream;
import java.io.InputStream;
import java.net.URI;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Provider;
import java.security.Security;
import java.security.Signature;
import java.security.cert.CertificateFactory;
import java.util.Collections;
import java.util.List;
import java.util.TreeSet;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** A Java program that uses the key by the platform's own provider (SunPKCS11).
 *
 *    java KeyByPkcs11.java CONFIGURATION PIN sign
 *    java KeyByPkcs11.java CONFIGURATION PIN get SERVER_CA URL...
 *
 * sign: one line "verified ALGORITHM ALIAS" for each signature that another provider says is right. get: the pages.
 */
public class KeyByPkcs11 {
    public static void main(String[] arguments) throws Exception {
        Provider provider = Security.getProvider("SunPKCS11").configure(arguments[0]);
        Security.addProvider(provider);
        KeyStore keys = KeyStore.getInstance("PKCS11", provider);
        keys.load(null, arguments[1].toCharArray());
        if (arguments[2].equals("sign")) {
            sign(keys, provider);
            return;
        }
        SSLContext context = context(keys, arguments[1], arguments[3]);
        for (String address : List.of(arguments).subList(4, arguments.length)) {
            HttpsURLConnection link = (HttpsURLConnection) URI.create(address).toURL().openConnection();
            link.setSSLSocketFactory(context.getSocketFactory());
            try (InputStream page = link.getInputStream()) {
                System.out.write(page.readAllBytes());
            }
            System.out.flush();
        }
    }

    private static void sign(KeyStore keys, Provider provider) throws Exception {
        byte[] message = "a licence application".getBytes("UTF-8");
        for (String alias : new TreeSet<>(Collections.list(keys.aliases()))) {
            if (!keys.isKeyEntry(alias)) {
                continue;
            }
            PrivateKey key = (PrivateKey) keys.getKey(alias, null);
            for (String algorithm : key.getAlgorithm().equals("RSA")
                    ? List.of("SHA256withRSA", "SHA512withRSA", "SHA256withRSASSA-PSS")
                    : List.of("SHA256withECDSA", "SHA384withECDSA")) {
                Signature signer = Signature.getInstance(algorithm, provider);
                signer.initSign(key);
                signer.update(message, 0, 5);  // in two parts
                signer.update(message, 5, message.length - 5);
                byte[] signature = signer.sign();
                Provider other = Security.getProvider(key.getAlgorithm().equals("RSA") ? "SunRsaSign" : "SunEC");
                Signature judge = Signature.getInstance(algorithm.replace("SHA256withRSASSA-PSS", "RSASSA-PSS"), other);
                if (algorithm.endsWith("PSS")) {
                    judge.setParameter(signer.getParameters().getParameterSpec(java.security.spec.PSSParameterSpec.class));
                }
                judge.initVerify(keys.getCertificate(alias).getPublicKey());
                judge.update(message);
                System.out.println((judge.verify(signature) ? "verified " : "WRONG ") + algorithm + " " + alias);
            }
        }
    }

    private static SSLContext context(KeyStore keys, String pin, String authority) throws Exception {
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        try (InputStream file = new FileInputStream(authority)) {
            trusted.setCertificateEntry("server", CertificateFactory.getInstance("X.509").generateCertificate(file));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(trusted);
        KeyManagerFactory own = KeyManagerFactory.getInstance("NewSunX509");
        own.init(new javax.net.ssl.KeyStoreBuilderParameters(KeyStore.Builder.newInstance(
            keys, new KeyStore.PasswordProtection(pin.toCharArray()))));
        SSLContext context = SSLContext.getInstance("TLSv1.3");
        context.init(own.getKeyManagers(), trust.getTrustManagers(), null);
        return context;
    }
}
